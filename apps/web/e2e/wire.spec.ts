import { once } from 'node:events';
import { connect } from 'node:net';

import { expect, test } from './support/test.ts';

test('a device that goes away in the middle of a batch has sent nothing, and the wire goes on', async ({ wire }) => {
  const { hostname, port } = new URL(wire.url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  socket.write('POST /sync/commands HTTP/1.1\r\nHost: wire\r\nContent-Length: 100\r\n\r\n{"commands":');
  // A second request says that the wire has had the first one.
  expect((await fetch(`${wire.url}/sync/hello`)).status).toBe(200);
  socket.destroy();
  await once(socket, 'close');
  expect((await fetch(`${wire.url}/sync/hello`)).status).toBe(200);
  expect(wire.batches).toEqual([]);
});
