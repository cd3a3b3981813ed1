'use strict';

// oxlint-disable-next-line typescript/no-unsafe-assignment -- The file has no types.
module.exports = require('wasock');
