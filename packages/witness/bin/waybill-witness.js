#!/usr/bin/env node
// TypeScript and SQLite as Node 24 has them: anything older is told so instead of failing on the first file.
import process from 'node:process';

if (Number.parseInt(process.versions.node, 10) >= 24) {
  const { main } = await import('../src/main.ts');
  process.exitCode = await main(process.argv.slice(2));
} else {
  process.stderr.write(`waybill-witness: this is Node ${process.versions.node}, a witness needs Node 24 or later.\n`);
  process.exitCode = 4;
}
