/** Three significant digits, thousands as k or M. */
export declare function formatNumber(value: number): string;
/** Such as `1.24×`. */
export declare function formatRatio(ratio: number): string;
