// A worker that is the server of the contract.

import { upgrade } from '../../../adapters/edge/index.ts';
import { ContractScript } from '../../contract/script.ts';

const script = new ContractScript();

export default {
  fetch(request: Request): Response {
    const { pathname, search } = new URL(request.url);
    const upgradeRequest = { url: pathname + search, headers: Object.fromEntries(request.headers) };
    if (request.headers.get('upgrade') !== 'websocket') return new Response('No WebSocket', { status: 426 });
    if (!script.verify(upgradeRequest)) return new Response('Refused', { status: 401 });
    const { socket, response } = upgrade(request, { handleProtocols: (offered) => script.chooseProtocol(offered) });
    if (socket !== null) script.accept(socket, upgradeRequest);
    return response;
  },
};
