/** Whether the process is stopping, and how many requests it still answers. */
export class Lifecycle {
  private running = 0;
  private draining = false;
  private whenIdle: (() => void) | undefined;

  get isDraining(): boolean {
    return this.draining;
  }

  begin(): void {
    this.running++;
  }

  end(): void {
    this.running--;
    if (this.running === 0) this.whenIdle?.();
  }

  /** From now on readiness fails and answers close their connections. Resolves when no request is running. */
  drain(): Promise<void> {
    this.draining = true;
    if (this.running === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.whenIdle = resolve;
    });
  }
}
