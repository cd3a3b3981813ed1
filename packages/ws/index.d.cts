import WebSocket = require('wasock');
export = WebSocket;
