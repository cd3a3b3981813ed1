// Version of the package. A test compares it with package.json.

export const version: string = '0.1.0';
