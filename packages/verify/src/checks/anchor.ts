/** Checks the checkpoint against its copy in storage that cannot be rewritten. */

import { mustFind } from '../contradiction.ts';
import { utf8 } from '../crypto/bytes.ts';
import { type AnchorObject, judgeAnchor } from '../verdict/anchor-object.ts';
import { fetchAnchor, Unreachable } from '../verdict/anchor-online.ts';
import type { AuditorMaterial, Check, CheckContext, Outcome } from './check.ts';

export const anchor: Check = {
  id: 'anchor',
  claim: 'The checkpoint stands, byte for byte and once, in storage that locks it against everybody.',
  code: 'ANCHOR_BYTES',
  start({ facts, proven, anchor: source, anchorRule: rule }: CheckContext) {
    return {
      async finish() {
        if (source === undefined) return skip('NO_ANCHOR', 'no capture of the anchor was supplied');
        if (rule === undefined) return skip('NO_ANCHOR_POLICY', 'the policy names no bucket');
        const { checkpoint, proof } = mustFind(facts.sealedEntry, 'the file has no checkpoint', 'LOG_ENTRY_MISSING');
        const object = await objectOf(source);
        if ('status' in object) return object;
        proven.anchor = judgeAnchor(object, rule, checkpoint, utf8(proof.checkpoint));
        const detail = `written ${proven.anchor.writtenAt}, locked until ${proven.anchor.lockedUntil}`;
        return { status: 'pass', code: null, detail };
      },
    };
  },
};

async function objectOf(source: NonNullable<AuditorMaterial['anchor']>): Promise<AnchorObject | Outcome> {
  if ('object' in source) return source.object;
  try {
    const object = await fetchAnchor(source.urls, source.fetch);
    return object ?? { status: 'short', code: 'ANCHOR_MISSING', detail: `the storage holds no ${source.urls.key}` };
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    return { status: 'unreachable', code: 'ANCHOR_UNREACHABLE', detail: error.message };
  }
}

function skip(code: 'NO_ANCHOR' | 'NO_ANCHOR_POLICY', detail: string): Outcome {
  return { status: 'skip', code, detail };
}
