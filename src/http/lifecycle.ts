import type { ServerResponse } from 'node:http';

/** Whether the process is stopping, and which requests it still answers. */
export class Lifecycle {
  private readonly running = new Set<ServerResponse>();
  private draining = false;
  private whenIdle: (() => void) | undefined;

  get isDraining(): boolean {
    return this.draining;
  }

  begin(res: ServerResponse): void {
    this.running.add(res);
    if (this.draining) res.setHeader('Connection', 'close');
  }

  end(res: ServerResponse): void {
    this.running.delete(res);
    if (this.running.size === 0) this.whenIdle?.();
  }

  /** From now on readiness fails and answers close their connections. Resolves when no request is running. */
  drain(): Promise<void> {
    this.draining = true;
    for (const res of this.running) if (!res.headersSent) res.setHeader('Connection', 'close');
    if (this.running.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.whenIdle = resolve;
    });
  }
}
