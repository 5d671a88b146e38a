/** Statements about models: what a session with one may do, and who makes sessions. */
import type { DeploymentNames } from './deployment-names.ts';
import type { Statement } from './statement.ts';

/** Converse asks for the same two as what it stands for. */
export const ASKING: readonly string[] = ['bedrock:InvokeModel', 'bedrock:InvokeModelWithResponseStream'];

export function aboutModels({ arn }: DeploymentNames) {
  return {
    askModels: (models: readonly string[]): Statement => ({
      sid: 'Ask',
      actions: ASKING,
      resources: models,
    }),
    sessions: (): Statement => ({ sid: 'Sessions', actions: ['sts:AssumeRole'], resources: [arn.role('models')] }),
  };
}
