"""Our own list of what a skops file may be made of: what a file asks for changes nothing about it."""

from __future__ import annotations

_LINEAR = (
    "LinearRegression", "_base.LinearRegression", "_ridge.Ridge", "_ridge.RidgeCV", "_coordinate_descent.Lasso",
    "_coordinate_descent.LassoCV", "_coordinate_descent.ElasticNet", "_coordinate_descent.ElasticNetCV",
    "_bayes.BayesianRidge", "_huber.HuberRegressor", "_logistic.LogisticRegression", "_logistic.LogisticRegressionCV",
    "_glm.glm.PoissonRegressor", "_glm.glm.GammaRegressor",
)  # fmt: skip
_PLAIN = (
    "builtins.bool", "builtins.dict", "builtins.float", "builtins.int", "builtins.list", "builtins.slice",
    "builtins.str", "builtins.tuple", "collections.defaultdict", "collections.OrderedDict", "numpy.bool",
    "numpy.bool_", "numpy.dtype", "numpy.float32", "numpy.float64", "numpy.int32", "numpy.int64", "numpy.int8",
    "numpy.ndarray", "numpy.object_", "numpy.str_", "numpy.uint32", "numpy.uint64", "numpy.uint8",
    "numpy.random.mtrand.RandomState", "numpy.random._generator.Generator",
)  # fmt: skip
_ESTIMATORS = (
    "compose._column_transformer.ColumnTransformer", "compose._column_transformer._RemainderColsList",
    "dummy.DummyClassifier", "dummy.DummyRegressor",
    "ensemble._forest.ExtraTreesClassifier", "ensemble._forest.ExtraTreesRegressor",
    "ensemble._forest.RandomForestClassifier", "ensemble._forest.RandomForestRegressor",
    "ensemble._gb.GradientBoostingClassifier", "ensemble._gb.GradientBoostingRegressor",
    "ensemble._hist_gradient_boosting.binning._BinMapper",
    "ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier",
    "ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingRegressor",
    "ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "_loss.link.Interval", "_loss.link.IdentityLink", "_loss.link.LogLink", "_loss.link.LogitLink",
    "_loss.link.HalfLogitLink", "_loss.link.MultinomialLogit", "_loss.loss.AbsoluteError",
    "_loss.loss.HalfBinomialLoss",
    "_loss.loss.HalfGammaLoss", "_loss.loss.HalfMultinomialLoss", "_loss.loss.HalfPoissonLoss",
    "_loss.loss.HalfSquaredError", "_loss.loss.HuberLoss", "_loss.loss.PinballLoss", "_loss.loss.ExponentialLoss",
    "_loss._loss.CyAbsoluteError", "_loss._loss.CyHalfBinomialLoss", "_loss._loss.CyHalfGammaLoss",
    "_loss._loss.CyHalfMultinomialLoss", "_loss._loss.CyHalfPoissonLoss", "_loss._loss.CyHalfSquaredError",
    "_loss._loss.CyHuberLoss", "_loss._loss.CyPinballLoss", "_loss._loss.CyExponentialLoss",
    "impute._base.MissingIndicator", "impute._base.SimpleImputer",
    "neural_network._multilayer_perceptron.MLPClassifier", "neural_network._multilayer_perceptron.MLPRegressor",
    "neural_network._stochastic_optimizers.AdamOptimizer", "neural_network._stochastic_optimizers.SGDOptimizer",
    "pipeline.Pipeline",
    "preprocessing._data.MaxAbsScaler", "preprocessing._data.MinMaxScaler", "preprocessing._data.RobustScaler",
    "preprocessing._data.StandardScaler", "preprocessing._encoders.OneHotEncoder",
    "preprocessing._encoders.OrdinalEncoder", "preprocessing._function_transformer.FunctionTransformer",
    "preprocessing._label.LabelBinarizer", "preprocessing._label.LabelEncoder",
    "tree._classes.DecisionTreeClassifier", "tree._classes.DecisionTreeRegressor", "tree._classes.ExtraTreeClassifier",
    "tree._classes.ExtraTreeRegressor", "tree._tree.Tree",
)  # fmt: skip

TRUSTED: tuple[str, ...] = (
    *_PLAIN,
    *(f"sklearn.{name}" for name in _ESTIMATORS),
    *(f"sklearn.linear_model.{name}" for name in _LINEAR),
)
"""Every type that may stand in a file, by module and name."""
