/** Agents that ask a model, whose settings the image of the wrapper has. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { submitRun } from '@waybill/client';
import { layMend, MEND_ENDS, MEND_MODEL, MEND_SCRIPT } from '../model-server/mend-story.ts';
import { ModelServer } from '../model-server/model-server.ts';
import type { World } from './deployed-world.ts';
import { assertVerified, type Scenarios } from './scenario.ts';
import { MODELS } from './worker-processes.ts';

/** As a submitter has it. */
const RECEIPT_TIMEOUT_MS = 180_000;

async function mendABug(world: World): Promise<void> {
  const server = await ModelServer.open();
  try {
    server.script(...MEND_SCRIPT);
    const settings = { bedrock: { url: server.url, models: [MEND_MODEL] } };
    writeFileSync(join(world.bed.directory, 'programs', MODELS), JSON.stringify(settings));
    const baseDir = join(world.bed.directory, 'mend');
    mkdirSync(baseDir);
    layMend(baseDir);
    const flow = readFileSync(join(baseDir, 'flow.yaml'));
    const options = { baseDir, submissionId: 'mend', timeoutMs: RECEIPT_TIMEOUT_MS };
    const receipt = await submitRun(world.transport, flow, options);
    assert.deepEqual([receipt.status, receipt.reasons], ['accepted', []]);
    const status = await world.sealed('mend');
    const happened = status.items.filter(({ state }) => state !== 'skipped');
    const ends = happened.map(({ id, state }) => `${id} ${state}`);
    assert.deepEqual([status.state, ends], ['done', MEND_ENDS], JSON.stringify(status));
    assert.equal(server.asked.length, MEND_SCRIPT.length);
    await assertVerified(world, status);
  } finally {
    server.close();
  }
}

export const AGENTS: Scenarios = {
  'a model mends a bug by the same flow as on one machine: red, mended, green, reviewed, accepted': mendABug,
};
