// Runs only in browsers without ES modules, so it is written for them.
document.documentElement.className += ' ready';
document.getElementById
  && window.addEventListener('load', function () {
    document.getElementById('join').hidden = true;
    document.getElementById('unsupported').hidden = false;
  });
