/** One file that needs no other: the page with its style and its script inside, and a policy that lets nothing else in. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const FOLDER = import.meta.dirname;

/** The page's text. The same sources give the same bytes. */
export async function buildPage(target: string[]): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir: FOLDER,
    entryPoints: ['main.ts'],
    bundle: true,
    write: false,
    platform: 'browser',
    format: 'esm',
    target,
    charset: 'utf8',
    legalComments: 'none',
    logLevel: 'error',
  });
  const script = escapeForInline(outputFiles[0]?.text ?? '');
  const style = readFileSync(join(FOLDER, 'page.css'), 'utf8');
  const policy = [
    "default-src 'none'",
    `script-src '${sourceHash(script)}'`,
    `style-src '${sourceHash(style)}'`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');
  const parts: Record<string, string> = {
    '"POLICY"': `"${policy}"`,
    '<!--STYLE-->': `<style>${style}</style>`,
    '<!--SCRIPT-->': `<script type="module">${script}</script>`,
  };
  const template = readFileSync(join(FOLDER, 'page.html'), 'utf8');
  return template.replace(/"POLICY"|<!--(?:STYLE|SCRIPT)-->/g, (place) => parts[place] ?? '');
}

/** No text in the script may end its element or open a comment of HTML in it. */
function escapeForInline(script: string): string {
  return script.replace(/<\/(?=script)/gi, '<\\/').replace(/<!--/g, '<\\!--');
}

function sourceHash(content: string): string {
  return `sha256-${createHash('sha256').update(content).digest('base64')}`;
}
