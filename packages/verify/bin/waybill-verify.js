#!/usr/bin/env node
import process from 'node:process';
import { main } from '../src/bin.ts';
import { keepHeapSmall } from '../src/small-heap.node.ts';

keepHeapSmall();
process.exitCode = await main(process.argv.slice(2));
