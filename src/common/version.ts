/** The action's version, for the User-Agent; __tests__/action-metadata.test.ts holds it to package.json. */
export const version = "1.0.0";
