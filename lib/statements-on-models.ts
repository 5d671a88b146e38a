/** Statements about models: what a session with one may do, and who makes sessions. */
import { MODEL_ACTION } from '#core/model-action.ts';
import type { DeploymentNames } from './deployment-names.ts';
import type { Statement } from './statement.ts';

export function aboutModels({ arn }: DeploymentNames) {
  return {
    askModels: (models: readonly string[]): Statement => ({
      sid: 'Ask',
      actions: [MODEL_ACTION],
      resources: models,
    }),
    sessions: (): Statement => ({ sid: 'Sessions', actions: ['sts:AssumeRole'], resources: [arn.role('models')] }),
  };
}
