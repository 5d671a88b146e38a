/**
 * Many files: how long a capture takes is printed, and what it yields is compared like any other. To make and to remove
 * so many takes a slow disk minutes, which `WAYBILL_CAPTURE_FILES=10000` saves.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'node:test';
import { captureCases } from '../../test/support/capture-case.ts';

const FILES_EACH = 200;
const FILES = Number(process.env.WAYBILL_CAPTURE_FILES ?? 50_000);
const DIRECTORIES = Math.ceil(FILES / FILES_EACH);
/** Changed, deleted and new ones in each directory. */
const EDITED_EACH = 4;

function pathOf(directory: number, file: number): string {
  return join(`d${directory}`, `f${file}`);
}

describe(`capture, of ${DIRECTORIES * FILES_EACH} files:`, () => {
  captureCases([
    {
      title: `${DIRECTORIES * EDITED_EACH} of them changed, as many deleted, as many new`,
      fill: (at) => {
        for (let directory = 0; directory < DIRECTORIES; directory++) {
          mkdirSync(join(at, `d${directory}`));
          for (let file = 0; file < FILES_EACH; file++) {
            writeFileSync(join(at, pathOf(directory, file)), `${file}\n`.repeat(20));
          }
        }
      },
      edit: (at) => {
        for (let directory = 0; directory < DIRECTORIES; directory++) {
          for (let file = 0; file < EDITED_EACH; file++) {
            writeFileSync(join(at, pathOf(directory, file)), 'changed\n');
            rmSync(join(at, pathOf(directory, file + EDITED_EACH)));
            writeFileSync(join(at, pathOf(directory, FILES_EACH + file)), `new ${directory} ${file}\n`);
          }
        }
      },
      large: true,
    },
  ]);
});
