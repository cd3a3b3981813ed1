import { WebSocketServer } from '../../../adapters/bun/index.ts';
import { ReconnectingWebSocket } from '../../../adapters/bun/reconnecting.ts';
import { describeReconnecting } from '../../support/reconnecting.ts';

describeReconnecting({ WebSocketServer, ReconnectingWebSocket });
