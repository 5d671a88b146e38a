/** The package says nothing of its types. */
declare module 'asl-validator' {
  function validate(definition: object): { isValid: boolean; errorsText(): string };
  export = validate;
}
