import { type Line, type Segment, type Tone, toned } from './styled.ts';

export interface Cell {
  text: string;
  tone?: Tone;
}

function widthOf(cell: Cell | undefined): number {
  return cell?.text.length ?? 0;
}

function padded(cell: Cell, width: number): Segment {
  const text = cell.text.padEnd(width);
  return cell.tone === undefined ? text : toned(cell.tone, text);
}

/** Rows under a head, each column as wide as its widest cell, two spaces apart. Columns that are empty in every row are left out. */
export function tableLines(head: readonly string[], rows: readonly (readonly Cell[])[]): Line[] {
  const kept = head.map((_name, column) => column).filter((column) => rows.some((row) => widthOf(row[column]) > 0));
  const table = [head.map((text): Cell => ({ text, tone: 'quiet' })), ...rows];
  const widths = new Map(
    kept.map((column) => [column, table.reduce((width, row) => Math.max(width, widthOf(row[column])), 0)]),
  );
  return table.map((row) =>
    kept.flatMap((column) => [padded(row[column] ?? { text: '' }, widths.get(column) ?? 0), '  ']),
  );
}
