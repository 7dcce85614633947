/** Progress, apart from the result. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
