/** A whole engine in this process, on a temporary directory, with an executor given by the test. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Receipt, RunStatus } from '@waybill/client/documents';
import { createInProcessExecutor, type Execute } from '#adapters/in-process/executor.ts';
import { createLocalArtifacts } from '#adapters/local/artifacts.ts';
import { createLocalChance, createLocalClock } from '#adapters/local/clock.ts';
import { createLocalInbox } from '#adapters/local/inbox.ts';
import { createLocalRootLedger } from '#adapters/local/root-ledger.ts';
import { openLocalRunStore } from '#adapters/local/run-store.ts';
import { openLocalSigner } from '#adapters/local/signer.ts';
import { createEngine, type Engine } from '#embedded/engine.ts';
import type { FlowDeps } from '#flow/deps.ts';
