'use strict';

module.exports = require('wasock');
