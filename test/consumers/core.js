import { grad, tensor } from "nabla";

const slope = grad((x) => x.square().sum())(tensor([1, 2, 3]));
slope.data().then((values) => console.log([...values].join()));
