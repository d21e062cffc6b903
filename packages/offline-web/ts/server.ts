export { createRecordPuller } from './record-list.ts';
export type { RecordList, RecordPuller } from './record-list.ts';
export { followServerEvents } from './server-events.ts';
export type { ServerEvents, ServerEventsOptions } from './server-events.ts';
