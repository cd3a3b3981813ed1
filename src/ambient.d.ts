// The few globals that every runtime has and levels 0 to 2 may use. Anything else there is a type error (tsconfig.core.json).

declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Instance {
    constructor(module: Module, imports?: object);
    readonly exports: Record<string, unknown>;
  }
  class Memory {
    readonly buffer: ArrayBuffer;
  }
  function validate(bytes: Uint8Array): boolean;
}

declare function atob(base64: string): string;
declare function btoa(binary: string): string;

declare class TextDecoder {
  decode(bytes: Uint8Array): string;
}
