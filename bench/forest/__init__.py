"""The forest beside dare_rf's and scikit-learn's."""
