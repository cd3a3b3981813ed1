import { WebSocketServer } from '../../../adapters/node/index.ts';
import { ReconnectingWebSocket } from '../../../adapters/node/reconnecting.ts';
import { describeReconnecting } from '../../support/reconnecting.ts';

describeReconnecting({ WebSocketServer, ReconnectingWebSocket });
