import { handlerOf } from "./handler.mjs";

export const handler = handlerOf(process.env);
