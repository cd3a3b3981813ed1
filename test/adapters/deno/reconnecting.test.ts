import { WebSocketServer } from '../../../adapters/deno/index.ts';
import { ReconnectingWebSocket } from '../../../adapters/deno/reconnecting.ts';
import { describeReconnecting } from '../../support/reconnecting.ts';

describeReconnecting({ WebSocketServer, ReconnectingWebSocket });
