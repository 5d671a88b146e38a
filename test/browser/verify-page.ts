/** The page in a real Chromium, opened from disk and without a network. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, type BrowserContextOptions, chromium, type Page, type Request } from 'playwright-core';
import { buildPage } from '../../packages/verify/page/build-page.ts';
import { placeOf } from '../commands.ts';

const CHROMIUM = placeOf('chromium');

/** For the `skip` option of a test: false, or why. */
export const skip: false | string =
  CHROMIUM === undefined ? 'chromium is not installed (apt-get install chromium)' : false;

export interface PageBed {
  /** The path of a new file. */
  file(name: string, content: Uint8Array | string): string;
  /** Opens the page, and fails when it asks for anything but itself or meets an error. */
  withPage<T>(use: (page: Page) => Promise<T>, options?: BrowserContextOptions): Promise<T>;
  close(): Promise<void>;
}

export async function openPageBed(): Promise<PageBed> {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-page-'));
  const path = join(folder, 'waybill-verify.html');
  writeFileSync(path, await buildPage(['chrome120']));
  const url = pathToFileURL(path).href;
  // Chromium refuses to sandbox itself for root, which is what a container runs as.
  const browser: Browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] });
  return {
    file: (name, content) => {
      const file = join(mkdtempSync(join(folder, 'file-')), name);
      writeFileSync(file, content);
      return file;
    },
    withPage: async (use, options = {}) => {
      const context = await browser.newContext({ offline: true, ...options });
      const page = await context.newPage();
      const trouble: string[] = [];
      const asked = new Set<Request>();
      page.on('pageerror', (error) => trouble.push(`error: ${error.message}`));
      page.on('dialog', (dialog) => void dialog.dismiss().then(() => trouble.push(`dialog: ${dialog.message()}`)));
      const isForeign = (request: Request): boolean => request.url() !== url && !request.url().startsWith('data:');
      page.on('request', (request) => void (isForeign(request) && asked.add(request)));
      // What the policy of the page stopped never left it.
      page.on('requestfailed', (request) => void (request.failure()?.errorText === 'csp' && asked.delete(request)));
      try {
        await page.goto(url);
        // A browser may drop what is typed before its first frame, which on a busy machine comes long after the page is loaded.
        await page.evaluate('new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))');
        const result = await use(page);
        trouble.push(...[...asked].map((request) => `request: ${request.url()} ${request.failure()?.errorText}`));
        if (trouble.length > 0) throw new RangeError(trouble.join('\n'));
        return result;
      } finally {
        await context.close();
      }
    },
    close: async () => {
      await browser.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** Picks the files through the inputs, and waits for a verdict: its words. */
export async function verdictOf(page: Page, bundle: string, material: readonly string[] = []): Promise<string> {
  if (material.length > 0) await page.setInputFiles('#material', [...material]);
  // What an earlier file came to must not be taken for the answer.
  await page.evaluate(`document.getElementById('result').replaceChildren()`);
  await page.setInputFiles('#bundle', bundle);
  return (await page.waitForSelector('#verdict')).innerText();
}
