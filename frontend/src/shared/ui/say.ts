import { explain } from "@/api/errors";
import { show } from "./toast";

/** A short confirmation that does not interrupt. */
export const say = (message: string) => show(message);

/** A refusal of something started by one click, where no dialog is open to show it. */
export const sayError = (error: unknown) => show(explain(error), { title: "This did not work", bad: true });
