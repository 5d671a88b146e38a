/** Verifies one bundle in a process of its own, as the command does, and prints how long that took, of how much processor time and memory. */
import { readFileSync } from 'node:fs';
import { type TrustFile, verifyBundle } from '@waybill/verify';
import { readChunks } from '../packages/verify/src/modes/mode.ts';
import { keepHeapSmall } from '../packages/verify/src/small-heap.node.ts';
import { peakMemoryBytes } from './peak-memory.ts';

keepHeapSmall();
const [bundle = '', keys = ''] = process.argv.slice(2);
const trust = JSON.parse(readFileSync(keys, 'utf8')) as TrustFile;
const before = process.cpuUsage();
const startedMs = performance.now();
const { exitCode } = await verifyBundle(readChunks('bundle', bundle), { trust });
const elapsedMs = performance.now() - startedMs;
const { user, system } = process.cpuUsage(before);
const cpuMs = (user + system) / 1000;
process.stdout.write(JSON.stringify({ elapsedMs, cpuMs, exitCode, peakBytes: peakMemoryBytes('self') }));
