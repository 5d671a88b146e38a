/** The stack around every handler: a log with the stage, metrics, and what a cold start made, kept for the next call. */
import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import middy from '@middy/core';
import { factsOf, type Told } from './told.ts';

const NAMESPACE = 'Waybill';
const AWAKE_MS = 1_000;

/** What Lambda calls. The context is its own; nothing here reads more of it than the log does. */
export type Handler = (event: unknown, context: never) => Promise<unknown>;

/**
 * @param stage names the function in logs and metrics
 * @param open makes what the function works with; called until it has succeeded once
 */
export function lambdaFunction<Duties>(
  stage: string,
  open: (told: Told) => Promise<Duties>,
  handle: (duties: Duties, event: unknown, told: Told) => Promise<unknown>,
): Handler {
  const logger = new Logger({ serviceName: stage, persistentKeys: { stage } });
  const metrics = new Metrics({ namespace: NAMESPACE, serviceName: stage, defaultDimensions: deploymentOf() });
  const told = toldBy(logger, metrics);
  let opened: Promise<Duties> | null = null;
  const duties = (): Promise<Duties> => {
    opened ??= open(told).catch((error: unknown) => {
      opened = null;
      throw error;
    });
    return opened;
  };
  const work = async (event: unknown): Promise<unknown> => {
    try {
      return await handle(await duties(), event, told);
    } catch (error) {
      // Lambda's own report of it has no code and no fix.
      told.trouble('the whole batch', error);
      throw error;
    }
  };
  return middy(work)
    .use(injectLambdaContext(logger, { resetKeys: true }))
    .use(published(metrics))
    .use(awake()) as unknown as Handler;
}

/** Two deployments of one account share the namespace; without it the alarms of one would ring for the other. */
function deploymentOf(): Record<string, string> {
  const deployment = process.env.WAYBILL_DEPLOYMENT;
  return deployment === undefined ? {} : { deployment };
}

function toldBy(logger: Logger, metrics: Metrics): Told {
  return {
    trouble(about, error) {
      metrics.addMetric('Trouble', MetricUnit.Count, 1);
      logger.error('something failed', { about, ...factsOf(error) });
    },
    malformed(about, problem) {
      metrics.addMetric('Malformed', MetricUnit.Count, 1);
      logger.error('a record is malformed', { about, problem: problem.slice(0, 500) });
    },
    info(message, facts) {
      logger.info(message, { ...facts });
    },
  };
}

/** What was counted is printed for CloudWatch; of a call in which nothing was counted, nothing is. */
function published(metrics: Metrics): middy.MiddlewareObj {
  const publish = (): void => {
    if (metrics.hasStoredMetrics()) metrics.publishStoredMetrics();
  };
  return { after: publish, onError: publish };
}

/** The clock's timers keep no process alive. While nothing but one of them is awaited, Lambda would end the call. */
function awake(): middy.MiddlewareObj {
  let held: NodeJS.Timeout | undefined;
  const hold = (): void => {
    held = setInterval(() => {}, AWAKE_MS);
  };
  const release = (): void => clearInterval(held);
  return { before: hold, after: release, onError: release };
}
