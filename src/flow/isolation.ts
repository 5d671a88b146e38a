/** What a run asks of the isolation of its blocks, and this deployment does not have. */
import type { Refusal } from '@waybill/client/errors';
import type { Block, Plan } from '@waybill/client/plan';
import type { FlowDeps } from '#flow/deps.ts';

/**
 * Blocks of an agent may do anything, so they run in a sandbox or not at all. Limits are kept by the sandbox of a worker:
 * in a container of their own, blocks have what its task definition gives all of them.
 */
export function isolationDenial(
  { isolation, allowUnsandboxedAgents, givesSecrets }: FlowDeps['worker'],
  { items }: Pick<Plan, 'items'>,
): Refusal | null {
  const named = items.findIndex((item) => item.pipeline.some(hasSecrets));
  if (named >= 0 && givesSecrets === undefined) {
    return {
      code: 'ISOLATION_REQUIRED',
      path: `spec.items[${named}].pipeline`,
      problem: 'blocks name secrets, and nothing here gives them any',
      fix: 'Leave them out, or submit it to an embedded engine or a deployment that keeps secrets.',
    };
  }
  const apart = items.findIndex((item) => item.pipeline.some(needsSandbox));
  if (apart >= 0 && isolation === 'none' && !allowUnsandboxedAgents) {
    return {
      code: 'ISOLATION_REQUIRED',
      path: `spec.items[${apart}].pipeline`,
      problem: 'agent blocks and blocks with secrets need a sandbox and none works here',
      fix: 'Install bubblewrap, or start the engine with --unsandboxed to run them with your own rights.',
    };
  }
  const limited = items.findIndex((item) => item.resources !== undefined);
  if (limited < 0 || isolation === 'bubblewrap') return null;
  return {
    code: 'ISOLATION_REQUIRED',
    path: `spec.items[${limited}].resources`,
    problem: `nothing holds blocks to limits here, where their isolation is "${isolation}"`,
    fix:
      isolation === 'container'
        ? 'Leave them out, and name an environment whose task is of the size that is wanted.'
        : 'Leave them out, or install bubblewrap.',
  };
}

function needsSandbox(block: Block): boolean {
  return block.block === 'agent' || hasSecrets(block);
}

function hasSecrets(block: Block): boolean {
  return 'secrets' in block && block.secrets !== undefined;
}
