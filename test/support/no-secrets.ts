import { createRedactor, type Redactor } from '../../worker-image/src/redactor.ts';

/** Of an attempt whose blocks name no secrets. */
export const NO_SECRETS: Redactor = createRedactor(new Map());
