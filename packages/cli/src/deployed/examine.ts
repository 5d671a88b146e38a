/**
 * Examines a deployment check by check: for the command, and for the function in the account. Read-only: every request is a Get, Describe or Head, and none is metered beyond the
 * request itself. What cannot be looked at fails, so that no silence is taken for health.
 */
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import type { Deployment } from '@waybill/client/deployment';
import { WaybillError } from '@waybill/client/errors';
import { BUCKET_CHECKS } from './bucket-checks.ts';
import type { Clients } from './clients.ts';
import { answer, type Check, claim, type Finding } from './finding.ts';
import { KEY_CHECKS } from './key-checks.ts';
import { RUNTIME_CHECKS } from './runtime-checks.ts';
import { WATCH_CHECKS } from './watch-checks.ts';

export type { Finding };

const identity: Check = {
  name: 'identity',
  run: async ({ sts }, { account }) => {
    const found = await answer('sts', sts.send(new GetCallerIdentityCommand({})));
    const otherwise = `${found.Arn} is of account ${found.Account}, the deployment is in ${account}`;
    return [
      claim(found.Account === account, `${found.Arn}`, otherwise, 'Choose a profile of that account (AWS_PROFILE).'),
    ];
  },
};

const CHECKS: readonly Check[] = [identity, ...BUCKET_CHECKS, ...KEY_CHECKS, ...RUNTIME_CHECKS, ...WATCH_CHECKS];

export async function* examine(clients: Clients, deployment: Deployment): AsyncGenerator<Finding> {
  for (const [n, { name, run }] of CHECKS.entries()) {
    try {
      for (const found of await run(clients, deployment)) yield { check: name, ...found };
    } catch (error) {
      if (!(error instanceof WaybillError)) throw error;
      const { code, path, problem, fix } = error;
      yield { check: name, verdict: 'fail', detail: `${path}: ${problem} (${code})`, fix };
      if (code !== 'CREDENTIALS_INVALID') continue;
      // every other check would say the same once more
      yield* unexamined(CHECKS.slice(n + 1));
      return;
    }
  }
}

function unexamined(checks: readonly Check[]): Finding[] {
  if (checks.length === 0) return [];
  const detail = `without credentials nothing is known of ${checks.map(({ name }) => name).join(', ')}`;
  return [{ check: 'not examined', verdict: 'fail', detail, fix: 'Examine again once AWS takes your credentials.' }];
}
