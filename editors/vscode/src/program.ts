// What can be told of a program by its lines, for commands that are called where the cursor stands.

const ITEM = /^(use|param|fn|aggregate|type|source|table|stream|sink|test)\s+(`[^`]+`|\w+)/;

/** The stream whose definition the line is in, without backticks. */
export function streamAt(lines: readonly string[], line: number): string | undefined {
  for (let at = Math.min(line, lines.length - 1); at >= 0; at--) {
    const item = ITEM.exec(lines[at]);
    if (item) return item[1] === "stream" ? item[2].replaceAll("`", "") : undefined;
  }
  return undefined;
}
