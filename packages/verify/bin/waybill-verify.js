#!/usr/bin/env node
import process from 'node:process';
import { main } from '../src/bin.ts';
import { keepHeapSmall } from '../src/small-heap.node.ts';

const INTERNAL_EXIT = 70;

/** Node's own way to end would be a stack and exit code 1, which says that the evidence contradicts itself. */
function giveUp(error) {
  try {
    process.stderr.write(`waybill-verify: ${error instanceof Error ? error.message : String(error)}\n`);
  } finally {
    process.exit(INTERNAL_EXIT);
  }
}

/** A reader that has seen enough (`| head`) changes nothing about the verdict; an output that was lost is no verdict. */
function onBrokenStream(error) {
  if (error.code !== 'EPIPE') giveUp(error);
}

process.stdout.on('error', onBrokenStream);
process.stderr.on('error', (error) => error.code === 'EPIPE' || process.exit(INTERNAL_EXIT));
process.on('uncaughtException', giveUp);

keepHeapSmall();
process.exitCode = await main(process.argv.slice(2));
