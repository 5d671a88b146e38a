/** Every attempt to escape, twice: in the sandbox and without it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { Block } from '@waybill/client/plan';
import type { AttemptSpec } from '../support/signed-lease.ts';
import { openWorkerBed, type WorkerBed } from '../support/worker-bed.ts';
import { type Bait, layBait } from './bait.ts';
import { BEGUN, CREDENTIALS, type EscapeAttempt, FILES, NETWORK, node, perl } from './escape-attempts.ts';
import { NODES } from './escape-devices.ts';
import { CALLS, FLOODS } from './escape-kernel.ts';

const ATTEMPTS = {
  credentials: CREDENTIALS,
  files: FILES,
  devices: NODES,
  network: NETWORK,
  calls: CALLS,
  floods: FLOODS,
};
const LEAST = 30;
const HOLD = 'sleep 15';
const GO_ON = 'true';
/** What does no harm, in each language of the attempts. */
const BENIGN = {
  shell: `test -w . && echo 1 > "$WAYBILL_OUTPUTS/a"`,
  node: node('return 1 + 1 === 2;'),
  perl: perl('1'),
};

/** The languages of the others say it by themselves. */
const saying = (run: string | string[]): string | string[] =>
  typeof run === 'string' ? `echo '${BEGUN}'; ${run}` : run;

describe('escape:', () => {
  let bed: WorkerBed;
  let bait: Bait;
  let absent: string | null = null;
  const shown = { blocked: 0, controls: 0 };

  before(async () => {
    bed = await openWorkerBed();
    const { isolation, detail } = await bed.launcher.probe();
    if (isolation !== 'bubblewrap') absent = detail;
    bait = await layBait(bed);
  });
  after(async () => {
    bait.close();
    await bed.close();
    process.stdout.write(`${shown.blocked} attempts blocked, ${shown.controls} controls succeeded\n`);
  });

  async function reaches(attempt: EscapeAttempt, hold: string, spec: Partial<AttemptSpec>): Promise<[boolean, string]> {
    const script: Block = { block: 'script', run: saying(attempt.run(bait, hold)) };
    const pipeline: Block[] = [script, { block: 'capture', what: 'outputs' }];
    const end = await bed.run({ inputs: { data: 'input' }, pipeline, ...attempt.spec, ...spec });
    for (const place of bed.leftovers()) {
      // Inputs stand where not even their owner may remove them.
      execFileSync('chmod', ['-R', 'u+rwX', place]);
      rmSync(place, { recursive: true });
    }
    const reached = attempt.reached?.(end, bait) ?? end.result?.outcome === 'succeeded';
    return [reached, `${end.result?.reason}: ${end.log}`];
  }

  for (const [theme, attempts] of Object.entries(ATTEMPTS)) {
    for (const attempt of attempts) {
      it(`no block ${attempt.name} (${theme}); without the sandbox one does`, async (t) => {
        const lacks = attempt.lacks?.(bait) ?? null;
        if (lacks !== null) return t.skip(lacks);
        const [controlled, said] = await reaches(attempt, GO_ON, { isolation: 'none', ...attempt.control });
        assert.equal(controlled, true, `the attempt proves nothing: it fails without a sandbox too: ${said}`);
        shown.controls += 1;
        if (absent !== null) return t.skip(`bubblewrap: ${absent}`);
        const [reached, log] = await reaches(attempt, HOLD, { isolation: 'bubblewrap', ...attempt.blocked });
        assert.equal(reached, false, log);
        assert.ok(log.includes(`\n${BEGUN}\n`), `it did not begin: ${log}`);
        shown.blocked += 1;
      });
    }
  }

  for (const [language, run] of Object.entries(BENIGN)) {
    it(`what does no harm goes well in the sandbox: ${language}`, async (t) => {
      if (absent !== null) return t.skip(`bubblewrap: ${absent}`);
      const benign = { name: language, run: () => run };
      const [reached, log] = await reaches(benign, GO_ON, { isolation: 'bubblewrap' });
      assert.equal(reached, true, log);
      assert.ok(log.includes(`\n${BEGUN}\n`), log);
    });
  }

  it('the table holds at least thirty attempts, each under a name of its own', () => {
    const names = Object.values(ATTEMPTS).flatMap((attempts) => attempts.map(({ name }) => name));
    assert.equal(new Set(names).size, names.length);
    assert.ok(names.length >= LEAST);
  });
});
