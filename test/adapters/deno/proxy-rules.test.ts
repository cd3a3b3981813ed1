import * as proxies from '../../../adapters/deno/proxy.ts';
import { describeProxyRules } from '../../support/proxy-rules.ts';

describeProxyRules(proxies);
