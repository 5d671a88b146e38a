/** Writes the intent to open a pull request, bound to the bytes of the patch. Keys are in the order of canonical JSON. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const { WAYBILL_INPUTS = '', WAYBILL_OUTPUTS = '', PARAM_TITLE, PARAM_BODY, PARAM_BRANCH, PARAM_INTENT } = process.env;
const patch = readFileSync(join(WAYBILL_INPUTS, 'change.patch'));
const sha256 = `sha256:${createHash('sha256').update(patch).digest('hex')}`;
const intent = {
  bound: [{ name: 'outputs/change.patch', sha256 }],
  kind: PARAM_INTENT,
  params: { body: PARAM_BODY, branch: PARAM_BRANCH, title: PARAM_TITLE },
  v: 1,
};
const folder = join(WAYBILL_OUTPUTS, '.waybill', 'intents');
mkdirSync(folder, { recursive: true });
writeFileSync(join(WAYBILL_OUTPUTS, 'change.patch'), patch);
writeFileSync(join(folder, 'open-pr.json'), JSON.stringify(intent));
