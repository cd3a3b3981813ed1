import * as proxies from '../../../adapters/bun/proxy.ts';
import { describeProxyRules } from '../../support/proxy-rules.ts';

describeProxyRules(proxies);
