"""AutoLRS: the learning rate searched while training, on state that is rolled back."""
