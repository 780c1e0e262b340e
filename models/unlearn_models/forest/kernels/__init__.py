"""The kernels that grow trees and keep them up to date. Only `tasks.run` is called from outside."""
