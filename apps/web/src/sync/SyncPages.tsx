import { ResolvePage } from './ResolvePage.tsx';
import { SyncPage } from './SyncPage.tsx';

/** The outbox, or one command of it. */
export default function SyncPages({ commandId }: { commandId: string | null }) {
  return commandId === null ? <SyncPage /> : <ResolvePage key={commandId} commandId={commandId} />;
}
