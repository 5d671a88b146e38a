import type { TestEvent } from 'node:test/reporters';

/** What one test process did; written as a single JSON object when it ends, so a process that dies leaves none. */
export interface Totals {
  passed: number;
  failed: number;
  skips: { title: string; reason: string }[];
  /** Time spent in the top-level tests of each file, by absolute path; a file that is absent ran no test. */
  fileMs: Record<string, number>;
}

/** A test marked as todo counts as skipped: it promises behaviour that nothing proves. */
function skipReason(data: { skip?: string | boolean; todo?: string | boolean }): string | undefined {
  const mark = data.skip ?? data.todo;
  if (mark === undefined || mark === false) return undefined;
  return typeof mark === 'string' && mark !== '' ? mark : 'no reason given';
}

export default async function* totalsReporter(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const totals: Totals = { passed: 0, failed: 0, skips: [], fileMs: {} };
  for await (const { type, data } of events) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    if (data.nesting === 0 && data.file !== undefined) {
      totals.fileMs[data.file] = (totals.fileMs[data.file] ?? 0) + data.details.duration_ms;
    }
    if (data.details.type === 'suite') continue;
    const reason = skipReason(data);
    if (reason !== undefined) totals.skips.push({ title: data.name, reason });
    else if (type === 'test:pass') totals.passed += 1;
    else totals.failed += 1;
  }
  yield JSON.stringify(totals);
}
