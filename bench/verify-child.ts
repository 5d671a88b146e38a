/** Verifies one bundle in a process of its own and prints how long that took and how much memory at most. */
import { createReadStream, readFileSync } from 'node:fs';
import { type TrustFile, verifyBundle } from '@waybill/verify';

const [bundle = '', keys = ''] = process.argv.slice(2);
const trust = JSON.parse(readFileSync(keys, 'utf8')) as TrustFile;
const startedMs = performance.now();
const report = await verifyBundle(createReadStream(bundle, { highWaterMark: 262_144 }), { trust });
const elapsedMs = performance.now() - startedMs;
process.stdout.write(
  JSON.stringify({
    elapsedMs,
    exitCode: report.exitCode,
    peakBytes: process.resourceUsage().maxRSS * 1024,
    failed: report.checks.filter(({ status }) => status === 'fail'),
  }),
);
