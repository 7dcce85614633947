/** How those who write what is to be done wake who does it in their process; those of others look by themselves. */
export class Signal {
  private wake: () => void = () => undefined;

  /** There is one listener; a process without one has nobody to wake. */
  listen(wake: () => void): void {
    this.wake = wake;
  }

  nudge(): void {
    this.wake();
  }
}
