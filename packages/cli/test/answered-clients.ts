/** The doctor's clients with the answers of a test behind them: the SDK's own commands and types, and no network. */
import { type Clients, clientsOf } from '../src/deployed/clients.ts';

/** By the name of the command, `GetObject`; what is an Error is thrown. */
export type Answers = Readonly<Record<string, (input: Record<string, unknown>) => object>>;

export interface AnsweredClients {
  clients: Clients;
  asked: string[];
}

export function answeredClients(answers: Answers): AnsweredClients {
  const asked: string[] = [];
  const clients = clientsOf('eu-central-1');
  for (const client of Object.values(clients) as Clients['s3'][]) {
    client.middlewareStack.add(
      (_next, context) => async (args) => {
        const command = String(context.commandName).replace(/Command$/, '');
        asked.push(command);
        const output = answers[command]?.(args.input as Record<string, unknown>) ?? {};
        if (output instanceof Error) throw output;
        return { output: { $metadata: {}, ...output } as never, response: {} };
      },
      { step: 'initialize', priority: 'high', name: 'answers' },
    );
  }
  return { clients, asked };
}

export function awsError(name: string, httpStatusCode: number): Error {
  return Object.assign(new TypeError(`as AWS says ${name}`), { name, $metadata: { httpStatusCode } });
}
