export { OfflineProvider, useOfflineClient } from './context.tsx';
export type { OfflineProviderProps } from './context.tsx';
export { useConnectivity, useOutbox, useOverlay, useRecordSync, useSyncStatus } from './state.ts';
export { useCommand } from './use-command.ts';
export type { CommandExtras, CommandState, UseCommand, UseCommandOptions } from './use-command.ts';
