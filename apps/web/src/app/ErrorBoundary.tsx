import { Component, type ReactNode } from 'react';
import { Button } from '../ui/Button.tsx';

interface State {
  error: Error | null;
}

/** Says so when the page itself breaks. What was saved is in the outbox and not concerned. */
export class ErrorBoundary extends Component<{ children: ReactNode }, State> {
  override state: State = { error: null };

  static getDerivedStateFromError(error: unknown): State {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (error === null) return this.props.children;
    return (
      <main className="crash" role="alert">
        <h1>This page broke</h1>
        <p>Everything you saved is still on this device. Reloading usually helps.</p>
        <pre>{error.message}</pre>
        <Button variant="primary" onClick={() => window.location.reload()}>
          Reload
        </Button>
      </main>
    );
  }
}
