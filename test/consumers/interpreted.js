import { backendName, grad, setBackend, tensor } from "nabla";

setBackend(backendName());
const slope = grad((x) => x.square().sum())(tensor([1, 2, 3]));
slope.data().then((values) => console.log([...values].join()));
