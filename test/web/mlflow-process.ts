// The small MLflow server of the tests in a process of its own, so that a bench does not count its work. Prints its address.
import { fakeMlflow } from "../track/mlflow-server.js";

const { url } = await fakeMlflow();
process.stdout.write(`${url}\n`);
