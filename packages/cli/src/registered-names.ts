/** What a file names of the registry, looked up before anything is submitted. */
import { askedNames, lookUp, SpecRefused, WaybillError } from '@waybill/client';
import type { PlacedWarning } from './error-report.ts';
import { type ExtensionFile, placed, type SpecFile } from './spec-file.ts';
import type { VerbCall } from './verb.ts';

/**
 * What nobody could look up, and why. Throws SpecRefused with what `waybill submit` would refuse: names that nothing is registered
 * under, or whose bytes are lost.
 */
export async function unseenNames(
  { registryThere }: Pick<VerbCall, 'registryThere'>,
  file: string,
  planned: SpecFile | ExtensionFile,
): Promise<PlacedWarning[]> {
  const { bytes } = planned;
  const { spec, ledBack } =
    'named' in planned
      ? { spec: planned.addition, ledBack: planned.ledBack }
      : { spec: planned.written.run.spec, ledBack: planned.written.ledBack };
  const asked = askedNames(spec);
  if (asked.length === 0) return [];
  try {
    const { refusals } = await lookUp(await registryThere(), spec);
    if (refusals.length > 0) throw new SpecRefused(placed(file, bytes, refusals.map(ledBack)));
    return [];
  } catch (error) {
    if (!(error instanceof WaybillError) || error instanceof SpecRefused) throw error;
    const { code, problem: why, fix } = error;
    const unseen = asked.map(({ kind, name, path }) => {
      const problem = `nobody looked up whether ${kind} ${JSON.stringify(name)} is registered: ${error.path}: ${why}`;
      return ledBack({ code, path, problem, fix });
    });
    return placed(
      file,
      bytes,
      unseen.map(({ path, problem }) => ({ path, problem, fix })),
    );
  }
}
